use std::fmt;

use super::{evaluator::Evaluator, options::EvaluationOptions, typed::typed};

/// Evaluations of a client with hooks and hints of their own ([`Client::with`](crate::Client::with)).
///
/// ```
/// use serde_json::json;
/// use waygate_openfeature::{EvaluationOptions, isolated};
///
/// let client = isolated::new().client();
/// let options = EvaluationOptions::default().hint("job", "nightly");
/// let job = client.with(&options);
/// assert!(!job.bool("new-checkout", false, None));
/// assert_eq!(job.integer("page-size", 20, None), 20);
/// assert_eq!(job.float("ratio", 0.5, None), 0.5);
/// assert_eq!(&*job.string("theme", "light", None), "light");
/// assert_eq!(*job.object("limits", &json!({"max": 3}), None), json!({"max": 3}));
///
/// // The same with details.
/// job.bool_details("new-checkout", false, None);
/// job.integer_details("page-size", 20, None);
/// job.float_details("ratio", 0.5, None);
/// job.string_details("theme", "light", None);
/// job.object_details("limits", &json!({"max": 3}), None);
/// ```
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
