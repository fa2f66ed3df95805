# What the sample patch replaces: the letter, the target's symbol, and what it becomes.
J  func_J  func_J_plug
# "str_V of plug." and its NUL
V  str_V   7374725f56206f6620706c75672e00
P  str_P   str_P_plug
P  func_L  func_L_plug
