//! The context of a request.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, Method, Uri};
use waygate_core::flag::{AttributeName, AttributeValue, Context, EvaluationContext};

/// The head of a request, for [`WaygateBuilder::flag_context`](crate::WaygateBuilder::flag_context).
///
/// ```
/// use waygate::{Waygate, flags::{EvaluationContext, FlagRequest}};
///
/// fn context(request: &FlagRequest<'_>) -> EvaluationContext {
///     let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
///     let context = user.map_or_else(EvaluationContext::anonymous, EvaluationContext::new);
///     context.with("path", request.uri.path())
/// }
///
/// let builder = Waygate::builder().flag_context(context);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FlagRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URL.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The extensions.
    pub extensions: &'a Extensions,
}

impl<'a> FlagRequest<'a> {
    pub(crate) fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
    ) -> Self {
        Self {
            method,
            uri,
            headers,
            extensions,
        }
    }
}

/// A context that a request keeps.
pub(crate) type SharedContext = Arc<dyn Context + Send + Sync>;

/// The source of contexts.
#[derive(Clone, Default)]
pub(crate) enum ContextSource {
    /// None: all requests are anonymous.
    #[default]
    Nothing,
    /// A type of callers in the extensions of requests.
    Principal {
        read: fn(&Extensions) -> Option<&(dyn Context + Send + Sync + 'static)>,
        share: fn(&Extensions) -> Option<SharedContext>,
    },
    /// A function of the application.
    Function(Arc<dyn Fn(&FlagRequest<'_>) -> EvaluationContext + Send + Sync>),
}

impl ContextSource {
    pub(crate) fn principal<P: Context + Clone + Send + Sync + 'static>() -> Self {
        Self::Principal {
            read: |extensions| {
                let principal = extensions.get::<P>()?;
                Some(principal)
            },
            share: |extensions| {
                let principal = extensions.get::<P>()?;
                Some(Arc::new(principal.clone()))
            },
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Returns `true` if callers are known by their type, and a request carries none.
    pub(crate) fn lacks_caller(&self, extensions: &Extensions) -> bool {
        match self {
            Self::Principal { read, .. } => read(extensions).is_none(),
            Self::Nothing | Self::Function(_) => false,
        }
    }

    /// Passes the context of a request to `read`, without a copy of the caller.
    #[inline]
    pub(crate) fn with<R>(
        &self,
        request: &FlagRequest<'_>,
        read: impl FnOnce(&(dyn Context + Send + Sync + 'static)) -> R,
    ) -> R {
        match self {
            Self::Nothing => read(&Anonymous),
            Self::Principal {
                read: principal, ..
            } => read(principal(request.extensions).unwrap_or(&Anonymous)),
            Self::Function(function) => read(&function(request)),
        }
    }

    /// Returns the context of a request, to be kept.
    pub(crate) fn share(&self, request: &FlagRequest<'_>) -> SharedContext {
        let context = match self {
            Self::Nothing => None,
            Self::Principal { share, .. } => share(request.extensions),
            Self::Function(function) => Some(Arc::new(function(request)) as SharedContext),
        };
        context.unwrap_or_else(|| Arc::new(Anonymous))
    }
}

impl fmt::Debug for ContextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Principal { .. } => "Principal",
            Self::Function(_) => "Function",
        })
    }
}

/// A context without a key and attributes.
#[derive(Debug)]
struct Anonymous;

impl Context for Anonymous {
    fn key(&self, _: Option<&str>) -> Option<&str> {
        None
    }

    fn attribute(&self, _: Option<&str>, _: &AttributeName) -> Option<AttributeValue<'_>> {
        None
    }
}
