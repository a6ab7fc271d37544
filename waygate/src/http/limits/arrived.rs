use std::sync::Arc;

use http::request::Parts;

use super::super::facts::{RequestFacts, SeenBy};
use crate::engine::{Admitting, Inner, Limits, Registered};

/// A request that has reached the limits of its route.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Arrived<'a> {
    pub(in crate::http) engine: &'a Arc<Inner>,
    pub(in crate::http) route: &'a Arc<Registered>,
    pub(in crate::http) limits: &'a Arc<Limits>,
    pub(in crate::http) seen_by: SeenBy,
}

impl<'a> Arrived<'a> {
    pub(super) fn facts(&self, parts: &'a Parts) -> RequestFacts<'a> {
        RequestFacts::of_parts(parts, self.engine, self.seen_by).of_route(&self.route.key)
    }

    #[inline]
    pub(super) fn admitting(&self, facts: &RequestFacts<'a>) -> Admitting<'a> {
        Admitting {
            engine: self.engine,
            limits: self.limits,
            request: facts.info(&self.route.key),
        }
    }
}
