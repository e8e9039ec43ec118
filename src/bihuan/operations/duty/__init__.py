"""Who is away and who does their work: leave, handing over for good, work that nobody can do now."""
