//! Properties of the grammars, which the macros use without any feature.
