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
        match self.flag(key) {
            Some(flag) => Some(self.evaluate_flag(flag, context, clock)),
            None => {
                self.count_missing(key);
                None
            }
        }
    }

    /// Evaluates a flag that is at hand; its prerequisites and segments are those of this set.
    #[inline]
    pub fn evaluate_flag<'s, C: Context + ?Sized>(
        &'s self,
        flag: &'s CompiledFlag,
        context: &C,
        clock: &dyn Clock,
    ) -> Resolution<'s> {
        let resolution = self.preview_flag(flag, context, clock);
        if let Some(tally) = flag.tally() {
            tally.count(resolution.position(), resolution.reason());
        }
        if let Some(watch) = self.watch() {
            watch.evaluated(context, &resolution);
        }
        resolution
    }

    /// Reports to the [observer](Self::observe) that a flag was requested which does not exist, for callers that need no
    /// evaluation to know it.
    ///
    /// ```
    /// use waygate_core::flag::FlagSet;
    ///
    /// FlagSet::new().count_missing("serch");
    /// ```
    pub fn count_missing(&self, key: &str) {
        if let Some(watch) = self.watch() {
            watch.missing(key);
        }
    }

    /// Evaluates a flag as [`evaluate_flag`](Self::evaluate_flag) does, but neither counts nor reports it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use serde_json::json;
    /// # use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, Tally};
    /// # use waygate_core::port::ManualClock;
    /// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "on",
    /// # }))?;
    /// # let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
    /// let (tally, user) = (Tally::new(2), EvaluationContext::new("user-1"));
    /// let (flags, flag) = (FlagSet::new(), flag.counted(tally.clone()));
    /// flags.preview_flag(&flag, &user, &clock);
    /// flags.evaluate_flag(&flag, &user, &clock);
    /// assert_eq!(tally.counts().variations[0].total(), 1);
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn preview_flag<'s, C: Context + ?Sized>(
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
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use serde_json::json;
    /// # use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, StepEvent};
    /// # use waygate_core::port::ManualClock;
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}], "off_variation": "off",
    /// #     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
    /// # }))?;
    /// # let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
    /// # let mut flags = FlagSet::new();
    /// # flags.insert_flag(Arc::new(flag));
    /// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    /// let explanation = flags.explain("search", &EvaluationContext::new("user-1"), &clock).unwrap();
    /// let [step] = &explanation.steps[..] else { panic!() };
    /// assert!(matches!(&step.event, StepEvent::Split { value: Some(key), .. } if key == "user-1"));
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
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
