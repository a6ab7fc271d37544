use std::fmt;

use super::{evaluator::Evaluator, options::EvaluationOptions, typed::typed};

/// Evaluations of a client with hooks and hints of their own ([`Client::with`](crate::Client::with)).
#[derive(Clone, Copy)]
pub struct Call<'a> {
    evaluator: &'a Evaluator,
    options: &'a EvaluationOptions,
}

impl<'a> Call<'a> {
    pub(super) fn new(evaluator: &'a Evaluator, options: &'a EvaluationOptions) -> Self {
        Self { evaluator, options }
    }
}

typed!(Call<'_>, |self| self.evaluator, Some(self.options));

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("domain", &self.evaluator.metadata.domain())
            .field("options", self.options)
            .finish()
    }
}
