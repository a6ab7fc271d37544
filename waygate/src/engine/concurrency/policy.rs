use std::sync::Arc;

use http::HeaderValue;
use waygate_core::{
    model::{ConcurrencyPolicy, LimitKey},
    port::CounterKey,
};

use super::ConcurrencyStats;
use crate::engine::{
    compiler::Compiler,
    limits::{Applying, ExemptNetworks, label},
};

/// A compiled concurrency limit.
#[derive(Debug)]
pub(crate) struct Concurrency {
    pub(crate) key: LimitKey,
    pub(crate) fields: ConcurrencyPolicy,
    /// The commit that set it; 0 for a declaration.
    pub(crate) revision: u64,
    /// `true` if the declaration in code has changed since an operator set it.
    pub(crate) drifted: bool,
    pub(crate) stats: Arc<ConcurrencyStats>,
    /// `true` if the code declares a limit with this name, so that the functions of its attribute apply.
    pub(crate) is_declared: bool,
    /// Why it does not work as configured, if known.
    pub(crate) problem: Option<String>,
    pub(crate) exempt_ips: ExemptNetworks,
    /// The key of its permits: stable across changes of the policy, so that current permits still count.
    pub(crate) counter_key: CounterKey,
    /// `RateLimit-Policy` of refusals.
    pub(crate) advertised: Option<HeaderValue>,
}

impl Concurrency {
    /// Compiles the effective limit of a key.
    pub(crate) fn compile(applying: Applying<ConcurrencyPolicy>, compiler: Compiler<'_>) -> Self {
        let Applying {
            key,
            fields,
            revision,
            drifted,
            declared,
        } = applying;
        let (name, limit) = (label(&key, compiler.is_part), fields.limit);
        // draft-ietf-httpapi-ratelimit-headers, section 3: a quota of concurrent requests has no window.
        let item = format!("\"{name}\";q={limit};qu=\"concurrent-requests\"");
        let stats = compiler.book.of_concurrency(&key);
        let sources = compiler.sources;
        let problem = sources.problem(&fields.key, &key, declared.as_ref(), false);
        stats
            .problem
            .note(problem.as_deref(), &key, compiler.service);
        Self {
            counter_key: CounterKey::permits(&key.scope, &key.name),
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
