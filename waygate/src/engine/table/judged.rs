use std::sync::{Mutex, PoisonError};

use waygate_core::{grammar::ServiceName, model::ExemptPath};

/// What was found out about exemptions, which takes a while where many are wrong. It belongs to one table of routes, and is
/// found out again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Judged(Mutex<Vec<Judgement>>);

#[derive(Debug)]
struct Judgement {
    service: Option<ServiceName>,
    exempt: Vec<ExemptPath>,
    problem: Option<String>,
}

impl Judged {
    /// How many are kept; the oldest go first. More than there are limits and maintenance with exemptions.
    const MAX: usize = 256;

    /// What is known, or else what `judge` finds out.
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
    /// Of a copy nothing is known: it is made to become another table.
    fn clone(&self) -> Self {
        Self::default()
    }
}
