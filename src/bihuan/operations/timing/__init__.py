"""Time limits at work: clocks along a process, what people decide about them, what happens when a moment comes."""
