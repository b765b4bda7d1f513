"""The parts of a plan as typed values: their keys and shapes; what must hold is checked beside."""
