//! The probes of load balancers and orchestrators, and the version. They need no token.

use std::sync::Arc;

use axum::extract::FromRef;
use http::Method;
use waygate_core::view::{ApiVersion, Readiness};

use super::state::AdminState;
use crate::{
    Waygate,
    health::Require,
    rest::{Problem, ProblemKind},
};

/// The version of the admin API, in each response and in the document.
pub(super) const API_VERSION: &str = "1";

/// The paths of the probes.
const PATHS: [&str; 3] = ["/livez", "/readyz", "/version"];

/// Returns `true` for a request to a probe, of any client.
pub(super) fn is_probe(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && PATHS.contains(&path)
}

/// What probes read.
#[derive(Debug, Clone)]
pub(super) struct Probes {
    pub(super) waygate: Waygate,
    pub(super) require: Require,
}

/// The version for a client. Only authenticated ones see that of the crate.
pub(super) fn version(is_authenticated: bool) -> ApiVersion {
    ApiVersion {
        api_version: API_VERSION.to_owned(),
        version: is_authenticated.then(|| env!("CARGO_PKG_VERSION").to_owned()),
    }
}

impl Probes {
    /// # Errors
    /// 503, with the parts that are missing.
    pub(super) fn readiness(&self, verbose: bool) -> Result<Readiness, Problem> {
        let parts = self.waygate.parts(self.require);
        let missing = parts
            .iter()
            .filter(|(_, part)| part.is_required && !part.works);
        let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
        let word = |works, is_required| match (works, is_required) {
            (true, _) => "ok",
            (false, true) => "missing",
            (false, false) => "missing, and not required",
        };
        let words = parts.iter().map(|(name, part)| {
            (
                (*name).to_owned(),
                word(part.works, part.is_required).to_owned(),
            )
        });
        if missing.is_empty() {
            return Ok(Readiness {
                ready: true,
                parts: verbose.then(|| words.collect()),
            });
        }
        let error = format!("The process is not ready: {}.", missing.join(", "));
        let problem = Problem::new(ProblemKind::Unavailable, error).retry_after(1);
        Err(match verbose {
            true => {
                let words: Vec<String> = words
                    .map(|(name, word)| format!("{name}: {word}"))
                    .collect();
                problem.detail(words.join("; "))
            }
            false => problem,
        })
    }
}

impl FromRef<Arc<AdminState>> for Probes {
    fn from_ref(state: &Arc<AdminState>) -> Self {
        Self {
            waygate: state.waygate.clone(),
            require: state.require(),
        }
    }
}
