use axum::extract::{MatchedPath, OriginalUri};
use http::{Extensions, Uri};

use super::client;
use crate::engine::{self, Framework, Peer};

/// The facts about a request, from axum's extensions.
pub(super) type RequestFacts<'a> = engine::RequestFacts<'a, SeenBy>;

/// The place where a request is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenBy {
    /// The layer in front of an endpoint, which may have a handler.
    Layer,
    /// The layer in front of axum's own 405 response. Only middleware runs in between.
    LayerOfNoHandler,
    /// A handler, with the prefixes of `nest` removed from its path.
    Handler,
}

impl<'a> Framework<'a> for SeenBy {
    #[inline(always)]
    fn peer(self, extensions: &'a Extensions) -> Peer {
        client::peer(extensions)
    }

    fn template(self, extensions: &'a Extensions) -> Option<&'a str> {
        extensions.get().map(MatchedPath::as_str)
    }

    fn whole_uri(self, extensions: &'a Extensions) -> Option<&'a Uri> {
        extensions.get().map(|OriginalUri(uri)| uri)
    }

    #[inline]
    fn has_own_path(self) -> bool {
        self != Self::Handler
    }

    #[inline]
    fn is_handled(self) -> bool {
        self != Self::LayerOfNoHandler
    }
}
