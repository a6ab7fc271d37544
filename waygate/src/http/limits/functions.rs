use http::request::Parts;

use super::{DeclaredLimits, Key, KeyFunction};
use crate::engine::{Functions, LimitedKey, Policy};

/// What the functions of one route's attributes say about one request.
pub(super) struct Told<'a> {
    declared: &'a DeclaredLimits,
    request: &'a Parts,
    /// What async functions have said, by the position of their attribute.
    asked: Vec<(usize, Option<Key>)>,
}

impl<'a> Told<'a> {
    /// What can be said at once; `None` when some function must be awaited.
    pub(super) fn at_once(declared: &'a DeclaredLimits, request: &'a Parts) -> Option<Self> {
        let mut keys = declared.rates.iter().filter_map(|limit| limit.key.as_ref());
        let told = Self {
            declared,
            request,
            asked: Vec::new(),
        };
        keys.all(|key| !key.is_async()).then_some(told)
    }

    /// The same after [`ask`].
    pub(super) fn after(
        declared: &'a DeclaredLimits,
        request: &'a Parts,
        asked: Vec<(usize, Option<Key>)>,
    ) -> Self {
        Self {
            declared,
            request,
            asked,
        }
    }
}

/// Awaits the async ones of the attributes' functions. The request's head comes back with their answers.
pub(super) async fn ask(
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

/// What the function of the attribute at this position says.
pub(super) fn told(
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
        let own = self.declared.rate(policy)?;
        let rates = &self.declared.rates;
        let index = rates.iter().position(|limit| std::ptr::eq(limit, own))?;
        told(index, own.key.as_ref(), &self.asked, self.request)
    }

    fn cost(&mut self, policy: &Policy) -> Option<u32> {
        let function = self.declared.rate(policy)?.cost.as_ref()?;
        Some(function.cost(self.request))
    }
}
