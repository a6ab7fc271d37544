use std::sync::Arc;

use arc_swap::ArcSwap;
use waygate_core::flag::{EvaluationContext, MergedContext};

use super::{
    default_value::DefaultValue,
    levels::Levels,
    options::EvaluationOptions,
    own::Own,
    resolve::{details, resolve},
    stages::Stages,
};
use crate::{
    api::Inner, details::EvaluationDetails, metadata::ClientMetadata, provider::FlagRequest,
};

/// The state of a client, and the path of every evaluation.
pub(super) struct Evaluator {
    pub(super) inner: Arc<Inner>,
    pub(super) metadata: ClientMetadata,
    pub(super) own: ArcSwap<Own>,
}

impl Evaluator {
    pub(super) fn evaluate<'k, D: DefaultValue>(
        &self,
        options: Option<&EvaluationOptions>,
        key: &'k str,
        default: D,
        context: Option<&EvaluationContext>,
        wants_details: bool,
    ) -> EvaluationDetails<'k, D::Value> {
        let (state, own) = (self.inner.state(), self.own.load());
        let registered = state.provider(self.metadata.domain());
        let levels = Levels::new(&state, &own, context);
        let levels = levels.as_array();
        let context = MergedContext::of(&levels);
        let of_call = options.map_or(&[][..], |options| &options.hooks);
        let of_provider = registered.map_or(&[][..], |registered| &registered.hooks);
        let hooks = [&state.hooks[..], &own.hooks, of_call, of_provider];
        if hooks.iter().any(|hooks| !hooks.is_empty()) {
            let hints = options.map(|options| &options.hints);
            let stages = Stages::new(hooks, registered, &self.metadata, hints);
            return stages.evaluate(key, default, &context);
        }
        let request = FlagRequest::new(key, context);
        let request = match wants_details {
            true => request,
            false => request.for_value(),
        };
        match resolve(registered, default, &request) {
            Ok(resolution) => details(key, resolution),
            Err(error) => EvaluationDetails::failed(key, default.into_value(), error),
        }
    }
}
