use http::request::Parts;

use super::{Key, KeyFunction, LimitFunctions};
use crate::engine::{Functions, LimitedKey, Policy};

/// What the functions of one route's limits say about one request.
pub(in crate::http) struct Told<'a> {
    functions: &'a LimitFunctions,
    request: &'a Parts,
    /// What async functions have said, by the position of their limit.
    asked: Vec<(usize, Option<Key>)>,
}

impl<'a> Told<'a> {
    /// What can be said at once; `None` when some function must be awaited.
    pub(in crate::http) fn at_once(
        functions: &'a LimitFunctions,
        request: &'a Parts,
    ) -> Option<Self> {
        let mut keys = functions.rate_keys().flatten();
        let told = Self {
            functions,
            request,
            asked: Vec::new(),
        };
        keys.all(|key| !key.is_async()).then_some(told)
    }

    /// The same after [`ask`].
    pub(in crate::http) fn after(
        functions: &'a LimitFunctions,
        request: &'a Parts,
        asked: Vec<(usize, Option<Key>)>,
    ) -> Self {
        Self {
            functions,
            request,
            asked,
        }
    }
}

/// Awaits the async ones of the limits' functions. The request's head comes back with their answers.
pub(in crate::http) async fn ask(
    functions: impl Iterator<Item = Option<&KeyFunction>>,
    mut request: Parts,
) -> (Parts, Vec<(usize, Option<Key>)>) {
    let mut asked = Vec::new();
    for (index, function) in functions.enumerate() {
        if let Some(function) = function.filter(|function| function.is_async()) {
            let (back, key) = function.ask(request).await;
            request = back;
            asked.push((index, key));
        }
    }
    (request, asked)
}

/// What the function of the limit at this position says.
pub(in crate::http) fn told(
    index: usize,
    function: Option<&KeyFunction>,
    asked: &[(usize, Option<Key>)],
    request: &Parts,
) -> Option<LimitedKey> {
    let told = match asked.iter().find(|(asked, _)| *asked == index) {
        Some((_, key)) => key.clone(),
        None => function?.sync(request).flatten(),
    };
    let mut key = LimitedKey::default();
    key.push_custom(told?.as_bytes());
    Some(key)
}

impl Functions for Told<'_> {
    fn key(&mut self, policy: &Policy) -> Option<LimitedKey> {
        let (index, own) = self.functions.rate(policy)?;
        told(index, own.key.as_ref(), &self.asked, self.request)
    }

    fn cost(&mut self, policy: &Policy) -> Option<u32> {
        let (_, own) = self.functions.rate(policy)?;
        let function = own.cost.as_ref()?;
        Some(function.cost(self.request))
    }
}
