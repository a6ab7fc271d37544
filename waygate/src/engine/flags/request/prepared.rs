//! The flags that a request keeps.

use std::sync::Arc;

use http::Extensions;
use waygate_core::flag::Context;

use super::source::{ContextSource, FlagRequest, SharedContext};
use crate::engine::flags::{Evaluation, Flags};

/// The flags of a request in its extensions, so that all evaluations for it agree.
#[derive(Clone)]
pub(crate) struct PreparedFlags {
    pub(crate) flags: Flags,
    /// `None` until something keeps it, if it can be read without a copy.
    pub(crate) context: Option<SharedContext>,
    /// The two handlers of the route.
    pub(crate) canary: Option<Arc<crate::engine::Canary>>,
    /// The slot of the route, if its gates were decided for a request without a caller.
    pub(crate) without_caller: Option<usize>,
}

/// Passes the context of a request to `read`: the one that it keeps, or that of the source.
#[inline]
pub(crate) fn with_context<R>(
    contexts: &ContextSource,
    request: &FlagRequest<'_>,
    read: impl FnOnce(&(dyn Context + Send + Sync + 'static)) -> R,
) -> R {
    let prepared = request.extensions.get::<PreparedFlags>();
    match prepared.and_then(|prepared| prepared.context.as_deref()) {
        Some(context) => read(context),
        None => contexts.with(request, read),
    }
}

/// Notes, once for each request, that its caller became known after its gates were decided.
pub(crate) fn note_late_caller(extensions: &mut Extensions) {
    let Some(prepared) = extensions.get::<PreparedFlags>() else {
        return;
    };
    let Some(slot) = prepared.without_caller else {
        return;
    };
    if prepared.flags.contexts().lacks_caller(extensions) {
        return;
    }
    prepared.flags.note_late_caller(slot);
    if let Some(prepared) = extensions.get_mut::<PreparedFlags>() {
        prepared.without_caller = None;
    }
}

impl PreparedFlags {
    /// Passes the flags with the context of the request to `read`.
    pub(crate) fn with_context<R>(
        &self,
        request: &FlagRequest<'_>,
        read: impl FnOnce(&Evaluation<'_, dyn Context + Send + Sync>) -> R,
    ) -> R {
        with_context(self.flags.contexts(), request, |context| {
            read(&self.flags.for_context(context))
        })
    }
}
