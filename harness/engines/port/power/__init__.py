"""How large must an effect be for a design to find it?"""
