use std::{collections::HashMap, fmt, sync::Arc};

use waygate_core::flag::EvaluationContext;

use crate::{hook::Hook, registered::Registered, transaction::TransactionContextPropagator};

/// The state of an API that evaluations read. It is replaced as a whole.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) default: Option<Arc<Registered>>,
    pub(crate) domains: HashMap<Arc<str>, Arc<Registered>>,
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) context: Option<Arc<EvaluationContext>>,
    pub(crate) propagator: Option<Arc<dyn TransactionContextPropagator>>,
}

impl State {
    /// Returns the provider of a domain, or else the default one.
    pub(crate) fn provider(&self, domain: Option<&str>) -> Option<&Arc<Registered>> {
        let own = domain.and_then(|domain| self.domains.get(domain));
        own.or(self.default.as_ref())
    }

    /// Returns each provider once.
    pub(crate) fn providers(&self) -> Vec<Arc<Registered>> {
        let mut all: Vec<Arc<Registered>> = Vec::new();
        for registered in self.default.iter().chain(self.domains.values()) {
            if !all.iter().any(|other| Arc::ptr_eq(other, registered)) {
                all.push(registered.clone());
            }
        }
        all
    }

    /// Returns the domains that a provider is bound to; `None` is the default.
    pub(crate) fn bindings<'s>(
        &'s self,
        registered: &'s Arc<Registered>,
    ) -> impl Iterator<Item = Option<&'s str>> {
        let default = self.default.iter().map(|other| (None, other));
        let domains = self.domains.iter();
        let domains = domains.map(|(domain, other)| (Some(&**domain), other));
        let all = default.chain(domains);
        all.filter_map(|(domain, other)| Arc::ptr_eq(other, registered).then_some(domain))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("default", &self.default)
            .field("domains", &self.domains)
            .finish_non_exhaustive()
    }
}
