J measure measure_plug
