use super::{explain::Explanation, resolution::Resolution, run::Run, set::FlagSet};
use crate::{
    flag::{compile::CompiledFlag, context::Context},
    port::Clock,
};

impl FlagSet {
    /// Evaluates a flag. Never fails: an error is a [`Resolution`] with an error code. `None` if there is no such flag
    /// (OpenFeature: `FLAG_NOT_FOUND`).
    ///
    /// Only progressive rollouts read the clock.
    pub fn evaluate<C: Context + ?Sized>(
        &self,
        key: &str,
        context: &C,
        clock: &dyn Clock,
    ) -> Option<Resolution<'_>> {
        Some(self.evaluate_flag(self.flag(key)?, context, clock))
    }

    /// Evaluates a flag that is at hand; its prerequisites and segments are those of this set.
    pub fn evaluate_flag<'s, C: Context + ?Sized>(
        &'s self,
        flag: &'s CompiledFlag,
        context: &C,
        clock: &dyn Clock,
    ) -> Resolution<'s> {
        let mut run = Run::new(self, context, clock, ());
        Resolution::new(flag, run.flag(flag, 0))
    }

    /// Evaluates a flag as [`evaluate`](Self::evaluate) does, and returns its steps: each clause with the actual value,
    /// each rollout with the bucket. The clauses of a rule are evaluated to the last one.
    pub fn explain<C: Context + ?Sized>(
        &self,
        key: &str,
        context: &C,
        clock: &dyn Clock,
    ) -> Option<Explanation<'_>> {
        let flag = self.flag(key)?;
        let mut run = Run::new(self, context, clock, Vec::new());
        let outcome = run.flag(flag, 0);
        Some(Explanation {
            resolution: Resolution::new(flag, outcome),
            steps: run.into_trace(),
        })
    }
}
