J version version_plug
