J guarded guarded_plug
