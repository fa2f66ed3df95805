name redis-ping
J pingCommand pingCommand_plug
