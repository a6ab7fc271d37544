use std::sync::Arc;

use waygate_core::flag::EvaluationContext;

use super::own::Own;
use crate::{state::State, task::caught};

/// The contexts of all levels, the lowest first.
pub(super) struct Levels<'a> {
    api: Option<&'a EvaluationContext>,
    transaction: Option<Arc<EvaluationContext>>,
    client: Option<&'a EvaluationContext>,
    call: Option<&'a EvaluationContext>,
}

impl<'a> Levels<'a> {
    pub(super) fn new(state: &'a State, own: &'a Own, call: Option<&'a EvaluationContext>) -> Self {
        let propagator = state.propagator.as_deref();
        // The context of a propagator that panics is missing.
        let current = propagator.map(|propagator| caught("the propagator", || propagator.get()));
        Self {
            api: state.context.as_deref(),
            transaction: current.and_then(|current| current.ok().flatten()),
            client: own.context.as_deref(),
            call,
        }
    }

    pub(super) fn as_array(&self) -> [Option<&EvaluationContext>; 4] {
        let transaction = self.transaction.as_deref();
        [self.api, transaction, self.client, self.call]
    }
}
