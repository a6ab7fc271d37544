use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use waygate_core::model::RouteKey;

use super::Table;
use crate::stamp::Stamp;

/// The routes that the attributes of each handler are bound to, by its stamp, in all guarded routers.
#[derive(Debug, Default)]
pub(crate) struct Bindings(Mutex<HashMap<Stamp, Vec<RouteKey>>>);

impl Bindings {
    pub(crate) fn bind(&self, stamp: Stamp, routes: &[RouteKey]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(stamp).or_default();
        for route in routes {
            if !known.contains(route) {
                known.push(route.clone());
            }
        }
    }

    /// The slots of the routes of one handler.
    pub(crate) fn slots_of(&self, stamp: Stamp, table: &Table) -> Vec<usize> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = all.get(stamp).into_iter().flatten();
        routes.filter_map(|key| table.exact(key)).collect()
    }
}
