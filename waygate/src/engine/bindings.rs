use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use waygate_core::model::RouteKey;

use crate::__private::Stamp;

/// The routes that the attributes of each handler are bound to, by its stamp, whichever guarded router serves them.
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

    pub(crate) fn of(&self, stamp: Stamp) -> Vec<RouteKey> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(stamp).cloned().unwrap_or_default()
    }
}
