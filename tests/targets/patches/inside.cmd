J stay stay_plug
