"""The sections of a configuration that every study has, one module a section.

Each module holds the section's class and a holder class with that one field (`WithSampler`). A
stage inherits from the holders of the sections that it reads, and so can read no other.
"""
