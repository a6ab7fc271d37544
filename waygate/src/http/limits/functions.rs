use http::request::Parts;

use super::{Key, KeyFunction, LimitFunctions};
use crate::engine::{Concurrency, Functions, LimitedKey, Policy};

/// The results for one request of the functions of its route's limits.
pub(in crate::http) struct Answers<'a> {
    functions: &'a LimitFunctions,
    request: &'a Parts,
    /// The results of async functions of rate limits, by the index of their limit.
    asked: Vec<(usize, Option<Key>)>,
    /// The results of async functions of concurrency limits.
    permits: Vec<(usize, Option<Key>)>,
}

impl<'a> Answers<'a> {
    /// The results of functions that need not be awaited; `None` if one must be.
    pub(in crate::http) fn at_once(
        functions: &'a LimitFunctions,
        request: &'a Parts,
    ) -> Option<Self> {
        let mut keys = functions.rate_keys().flatten();
        let answers = Self {
            functions,
            request,
            asked: Vec::new(),
            permits: Vec::new(),
        };
        keys.all(|key| !key.is_async()).then_some(answers)
    }

    /// The results after [`ask`].
    pub(in crate::http) fn after(
        functions: &'a LimitFunctions,
        request: &'a Parts,
        asked: Vec<(usize, Option<Key>)>,
    ) -> Self {
        Self {
            functions,
            request,
            asked,
            permits: Vec::new(),
        }
    }

    /// The results of all functions.
    pub(in crate::http) async fn all(functions: &'a LimitFunctions, request: &'a Parts) -> Self {
        let (parts, permits) = ask(functions.concurrency_keys(), request.clone()).await;
        let (_, asked) = ask(functions.rate_keys(), parts).await;
        Self {
            functions,
            request,
            asked,
            permits,
        }
    }
}

/// Awaits the async functions, and returns the head of the request with their results.
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

/// The key that the function of the limit at this index returns.
pub(in crate::http) fn answer(
    index: usize,
    function: Option<&KeyFunction>,
    asked: &[(usize, Option<Key>)],
    request: &Parts,
) -> Option<LimitedKey> {
    let found = match asked.iter().find(|(asked, _)| *asked == index) {
        Some((_, key)) => key.clone(),
        None => function?.sync(request).flatten(),
    };
    let mut key = LimitedKey::default();
    key.push_custom(found?.as_bytes());
    Some(key)
}

impl Functions for Answers<'_> {
    fn key(&mut self, policy: &Policy) -> Option<LimitedKey> {
        let (index, own) = self.functions.rate(policy)?;
        answer(index, own.key.as_ref(), &self.asked, self.request)
    }

    fn cost(&mut self, policy: &Policy) -> Option<u32> {
        let (_, own) = self.functions.rate(policy)?;
        let function = own.cost.as_ref()?;
        Some(function.cost(self.request))
    }

    fn permit_key(&mut self, limit: &Concurrency) -> Option<LimitedKey> {
        let (index, own) = self.functions.concurrency(limit)?;
        answer(index, own.key.as_ref(), &self.permits, self.request)
    }
}
