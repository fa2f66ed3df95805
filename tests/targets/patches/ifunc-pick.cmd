J pick pick_plug
