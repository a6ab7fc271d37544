use std::pin::Pin;

use http::{Request, Response};
use hyper::body::Incoming;
use waygate::model::{Registration, RouteKey};

/// The response of a handler.
pub type Answer = Pin<Box<dyn Future<Output = Response<String>> + Send>>;

pub(crate) type Handler = Box<dyn Fn(Request<Incoming>) -> Answer + Send + Sync>;

/// A handler, with the registration of its route.
pub struct Route {
    pub(crate) key: RouteKey,
    pub(crate) registration: Registration,
    pub(crate) handler: Handler,
}

impl Route {
    /// Creates an active route, such as `GET:/items/{id}`, without limits.
    pub fn new<F>(
        key: RouteKey,
        handler: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<String>> + Send + 'static,
    {
        Self {
            registration: Registration::new(key.clone()),
            key,
            handler: Box::new(move |request| Box::pin(handler(request))),
        }
    }

    /// Declares the state and the limits of the route.
    pub fn declare(mut self, declare: impl FnOnce(Registration) -> Registration) -> Self {
        self.registration = declare(self.registration);
        self
    }
}
