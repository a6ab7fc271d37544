use std::sync::Arc;

use http::HeaderValue;
use waygate_core::{
    model::{ConcurrencyPolicy, LimitKey},
    port::Series,
};

use super::ConcurrencyStats;
use crate::engine::{
    compiler::Compiler,
    limits::{Applying, ExemptNetworks, label},
};

/// A limit of concurrency, ready to be asked.
#[derive(Debug)]
pub(crate) struct Concurrency {
    pub(crate) key: LimitKey,
    pub(crate) fields: ConcurrencyPolicy,
    /// The commit that set it; 0 when only the declaration speaks.
    pub(crate) revision: u64,
    /// Whether the code declares something else by now than when an operator set it.
    pub(crate) drifted: bool,
    pub(crate) stats: Arc<ConcurrencyStats>,
    /// Whether the code declares one of this name, so that the functions of its attribute apply.
    pub(crate) is_declared: bool,
    /// Why it does not count as it is meant to, if that is known.
    pub(crate) problem: Option<String>,
    pub(crate) exempt_ips: ExemptNetworks,
    /// Whose places: the same however often the policy is changed, so that whoever is inside still counts.
    pub(crate) series: Series,
    /// `RateLimit-Policy` of refusals.
    pub(crate) advertised: Option<HeaderValue>,
}

impl Concurrency {
    /// Compiles what applies under a key.
    pub(crate) fn compile(applying: Applying<ConcurrencyPolicy>, compiler: Compiler<'_>) -> Self {
        let Applying {
            key,
            fields,
            revision,
            drifted,
            declared,
        } = applying;
        let (name, limit) = (label(&key, compiler.is_part), fields.limit);
        // draft-ietf-httpapi-ratelimit-headers, section 3: a quota of requests at the same time has no window.
        let item = format!("\"{name}\";q={limit};qu=\"concurrent-requests\"");
        let stats = compiler.book.of_concurrency(&key);
        let sources = compiler.sources;
        let problem = sources.problem(&fields.key, &key, declared.as_ref(), false);
        stats
            .problem
            .note(problem.as_deref(), &key, compiler.service);
        Self {
            series: Series::places(&key.scope, &key.name),
            stats,
            is_declared: declared.is_some(),
            problem,
            exempt_ips: ExemptNetworks::new(&fields.exempt_ips),
            advertised: HeaderValue::try_from(item).ok(),
            key,
            fields,
            revision,
            drifted,
        }
    }
}
