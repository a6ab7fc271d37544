use super::step::{Step, StepEvent};

/// Sees the steps of an evaluation. `()` sees none, at no cost.
pub(super) trait Trace {
    /// Evaluates conditions that can no longer change the result as well.
    const ALL: bool;

    fn see(&mut self, flag: &str, depth: u8, event: impl FnOnce() -> StepEvent);
}

impl Trace for () {
    const ALL: bool = false;

    fn see(&mut self, _: &str, _: u8, _: impl FnOnce() -> StepEvent) {}
}

impl Trace for Vec<Step> {
    const ALL: bool = true;

    fn see(&mut self, flag: &str, depth: u8, event: impl FnOnce() -> StepEvent) {
        self.push(Step {
            flag: flag.to_owned(),
            depth,
            event: event(),
        });
    }
}
