J stuck stuck_plug
