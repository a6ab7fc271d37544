//! The domain as a whole: recorded exchanges, and properties of models, transitions and decisions.

mod golden;
