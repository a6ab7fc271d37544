use std::sync::Arc;

use http::request::Parts;
use waygate_core::limit::{Outcome, quota::Nanos};

use super::{
    super::{
        facts::{RequestFacts, SeenBy},
        functions,
    },
    Arrived, Permits,
    functions::{Answers, ask},
};
use crate::engine::{
    Admission, Allowed, Inner, LimitRefusal, LimitedKey, Limits, NoFunctions, Registered,
    SingleCharge, StateHeaders,
};

impl<'a> Arrived<'a> {
    /// The charge if one policy counts every request by the client's address, without functions of the application.
    #[inline(always)]
    pub(in crate::http) fn charge_by_address(&self) -> Option<SingleCharge<'a>> {
        let charge = SingleCharge::by_address(self.engine, self.limits)?;
        (!self.asks_functions()).then_some(charge)
    }

    /// Records the request, or refuses it.
    #[cold]
    pub(in crate::http) fn account(
        self,
        facts: RequestFacts<'a>,
        charge: SingleCharge<'a>,
        key: LimitedKey,
        outcome: &Outcome,
        now: Nanos,
    ) -> Admission {
        self.admitting(&facts)
            .account_by_address(charge, key, outcome, now)
    }

    #[inline]
    fn asks_functions(&self) -> bool {
        functions(&self.route.attached).limits.ask_functions()
    }

    /// Admits a request without waiting; `None` if it needs a permit, a function of the application or shared counters.
    pub(in crate::http) fn try_enter(&self, facts: RequestFacts<'a>) -> Option<Admission> {
        if !self.limits.concurrency.is_empty() || self.asks_functions() {
            return None;
        }
        let facts = facts.of_route(&self.route.key);
        self.admitting(&facts).try_admit(&facts, &mut NoFunctions)
    }

    /// Admits a request, calling the application's functions; `None` if one must be awaited.
    pub(in crate::http) fn try_enter_with_functions(&self, parts: &'a Parts) -> Option<Admission> {
        if !self.limits.concurrency.is_empty() {
            return None;
        }
        let mut answers = Answers::at_once(&functions(&self.route.attached).limits, parts)?;
        let facts = self.facts(parts);
        self.admitting(&facts).try_admit(&facts, &mut answers)
    }

    /// Admits a request, and waits for permits, functions and counters. The permits come first: a request without one
    /// is not counted. Returns the permits, and the charges if it was counted.
    pub(in crate::http) async fn enter(
        self,
        parts: Parts,
    ) -> (Parts, Result<(Permits, Option<Allowed>), LimitRefusal>) {
        let functions = &functions(&self.route.attached).limits;
        let (parts, permits) = Permits::acquire(self, parts).await;
        let permits = match permits {
            Ok(permits) => permits,
            Err(full) => return (parts, Err(full)),
        };
        let (parts, asked) = ask(functions.rate_keys(), parts).await;
        let mut answers = Answers::after(functions, &parts, asked);
        let facts = self.facts(&parts);
        let admission = self.admitting(&facts).admit(&facts, &mut answers).await;
        let entered = admission.map(|allowed| (permits, allowed));
        (parts, entered.map_err(LimitRefusal::Rate))
    }
}

/// A request that is waiting for admission.
pub(crate) struct Waiting {
    pub(in crate::http) slot: usize,
    pub(in crate::http) route: Arc<Registered>,
    pub(in crate::http) limits: Arc<Limits>,
    pub(in crate::http) announcement: Option<StateHeaders>,
}

impl Waiting {
    pub(in crate::http) fn arrived<'a>(&'a self, engine: &'a Arc<Inner>) -> Arrived<'a> {
        Arrived {
            engine,
            route: &self.route,
            limits: &self.limits,
            seen_by: SeenBy::Layer,
        }
    }
}
