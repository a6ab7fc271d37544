use std::sync::{Mutex, PoisonError};

use waygate_core::{grammar::ServiceName, model::ExemptPath};

/// Cached results for exemptions, since many wrong ones take time to compute. The cache belongs to one table of
/// routes.
#[derive(Debug, Default)]
pub(crate) struct Judged(Mutex<Vec<Judgement>>);

#[derive(Debug)]
struct Judgement {
    service: Option<ServiceName>,
    exempt: Vec<ExemptPath>,
    problem: Option<String>,
}

impl Judged {
    /// The size of the cache; the oldest results are dropped. Larger than the number of limits and maintenance records
    /// with exemptions.
    const MAX: usize = 256;

    /// Returns the cached result, or calls `judge` and caches its result.
    pub(crate) fn or_judge(
        &self,
        service: Option<&ServiceName>,
        exempt: &[ExemptPath],
        judge: impl FnOnce() -> Option<String>,
    ) -> Option<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |of: &&Judgement| of.service.as_ref() == service && of.exempt == exempt;
        if let Some(same) = known.iter().find(same) {
            return same.problem.clone();
        }
        let problem = judge();
        if known.len() >= Self::MAX {
            known.remove(0);
        }
        known.push(Judgement {
            service: service.cloned(),
            exempt: exempt.to_vec(),
            problem: problem.clone(),
        });
        problem
    }
}

impl Clone for Judged {
    /// A clone starts empty: it becomes another table.
    fn clone(&self) -> Self {
        Self::default()
    }
}
