//! The flags of a request.

use std::{convert::Infallible, fmt, sync::Arc};

use axum::extract::{FromRef, FromRequestParts, Request};
use http::request::Parts;

use super::{endpoint::Endpoint, step::Step};
use crate::{
    Waygate,
    engine::{
        Canary, ContextSource, FlagRequest, FlagScope, Flags, PreparedFlags, SharedContext,
        Snapshot, note_late_caller,
    },
};

/// Extractor of the flags with the context of the request. The scope of declared flags.
///
/// All evaluations for a request use one snapshot of the flags and one context, also those of its gates, if the caller is
/// inserted in a layer around the guarded router. The context is
/// that of [`flag_principal`](crate::WaygateBuilder::flag_principal) or
/// [`flag_context`](crate::WaygateBuilder::flag_context); without them, the request is anonymous. The state of the router
/// must provide a [`Waygate`] (`FromRef`).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use waygate::{Waygate, flags::RequestFlags, testing::TestApp};
///
/// waygate::flags! {
///     /// The number of results of a page.
///     pub PAGE_SIZE: u32 = 20;
/// }
///
/// async fn search(flags: RequestFlags) -> String {
///     format!("{} results", PAGE_SIZE.get(&flags))
/// }
///
/// let waygate = Waygate::builder().build().await?;
/// let app = Router::new().route("/search", get(search)).with_state(waygate);
/// assert_eq!(TestApp::new(app).get("/search").await.text(), "20 results");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RequestFlags {
    flags: Flags,
    context: SharedContext,
}

impl RequestFlags {
    /// The flags and the context of a request, which its extensions keep.
    pub(crate) fn of(parts: &mut Parts, waygate: &Waygate) -> Self {
        note_late_caller(&mut parts.extensions);
        let prepared = parts.extensions.get::<PreparedFlags>();
        let prepared = prepared.filter(|prepared| prepared.flags.are_of(waygate));
        let (flags, context) = match prepared.cloned() {
            Some(PreparedFlags { flags, context, .. }) => (flags, context),
            None => (waygate.flags(), None),
        };
        let context = context.unwrap_or_else(|| {
            let contexts = &waygate.inner.flag_contexts;
            let context = contexts.share(&request(parts));
            let prepared = parts.extensions.get::<PreparedFlags>();
            let without_caller = prepared.and_then(|prepared| prepared.without_caller);
            let canary = prepared.and_then(|prepared| prepared.canary.clone());
            parts.extensions.insert(PreparedFlags {
                flags: flags.clone(),
                context: Some(context.clone()),
                canary,
                without_caller,
            });
            context
        });
        Self { flags, context }
    }
}

fn request(parts: &Parts) -> FlagRequest<'_> {
    FlagRequest::new(&parts.method, &parts.uri, &parts.headers, &parts.extensions)
}

impl FlagScope for RequestFlags {
    type Context = dyn crate::flags::Context + Send + Sync;

    fn flags(&self) -> &Flags {
        &self.flags
    }

    fn context(&self) -> &Self::Context {
        &*self.context
    }
}

impl fmt::Debug for RequestFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFlags")
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

impl<S> FromRequestParts<S> for RequestFlags
where
    Waygate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &Waygate::from_ref(state)))
    }
}

/// Keeps the flags for a request without a layer around its handler, if one of the routes that govern it has gates.
pub(crate) fn keep_flags(
    waygate: &Waygate,
    slots: &[usize],
    parts: &mut Parts,
    snapshot: &Arc<Snapshot>,
) {
    let flagged = slots.iter().find(|slot| snapshot.is_flagged(**slot));
    if let Some(&slot) = flagged
        && parts.extensions.get::<PreparedFlags>().is_none()
    {
        let kept = prepared(waygate, slot, None, &request(parts), snapshot);
        parts.extensions.insert(kept);
    }
}

/// The flags for a request to the route in `slot`.
#[inline(always)]
fn prepared(
    waygate: &Waygate,
    slot: usize,
    canary: Option<Arc<Canary>>,
    head: &FlagRequest<'_>,
    snapshot: &Arc<Snapshot>,
) -> PreparedFlags {
    let contexts = &waygate.inner.flag_contexts;
    let context = match contexts {
        // Callers are read where they are.
        ContextSource::Nothing | ContextSource::Principal { .. } => None,
        ContextSource::Function(_) => Some(contexts.share(head)),
    };
    PreparedFlags {
        flags: Flags::of(waygate, snapshot.clone()),
        context,
        canary,
        without_caller: contexts.lacks_caller(head.extensions).then_some(slot),
    }
}

impl Endpoint {
    /// Decides about a request for a route with gates. The request keeps the flags, so that the handler evaluates the
    /// same ones.
    #[inline(never)]
    pub(super) fn decide_with_flags(
        &self,
        slot: usize,
        request: &mut Request,
        snapshot: &Arc<Snapshot>,
    ) -> Step {
        self.keep_flags(slot, snapshot.canary(slot), request, snapshot);
        self.decide_at(Some(slot), request, snapshot)
    }

    /// Keeps the flags for a request that several routes govern, if one of them has gates or a canary.
    pub(super) fn keep_flags_among(
        &self,
        slots: &[usize],
        request: &mut Request,
        snapshot: &Arc<Snapshot>,
    ) {
        let flagged = slots.iter().find(|slot| snapshot.is_flagged(**slot));
        if let Some(&slot) = flagged {
            let canary = slots.iter().find_map(|slot| snapshot.canary(*slot));
            self.keep_flags(slot, canary, request, snapshot);
        }
    }

    #[inline(always)]
    fn keep_flags(
        &self,
        slot: usize,
        canary: Option<Arc<Canary>>,
        request: &mut Request,
        snapshot: &Arc<Snapshot>,
    ) {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let head = FlagRequest::new(method, uri, headers, request.extensions());
        let kept = prepared(&self.shared.waygate, slot, canary, &head, snapshot);
        request.extensions_mut().insert(kept);
    }
}
