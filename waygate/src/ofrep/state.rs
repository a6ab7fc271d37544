use std::net::IpAddr;

use axum::extract::Request;
use waygate_core::net::{IPV6_CUSTOMER, client_network};

use super::{
    access::{Access, Grant, Shown},
    configuration::Configurations,
    failure::Failure,
    fresh::Fresh,
};
use crate::{
    Waygate,
    http::{Streams, peer},
};

/// The state shared by all requests to one server.
#[derive(Debug)]
pub(super) struct State {
    pub(super) waygate: Waygate,
    pub(super) access: Access,
    pub(super) configurations: Configurations,
    pub(super) fresh: Fresh,
    pub(super) streams: Streams,
    pub(super) public_url: Option<String>,
    pub(super) max_body_bytes: usize,
}

impl State {
    /// Fails while this process knows no flags at all, since an answer without flags would remove those that the client
    /// has. A state that was known once stays known.
    pub(super) fn check_known(&self) -> Result<(), Failure> {
        match self.waygate.inner.snapshot.load().is_known {
            true => Ok(()),
            false => Err(Failure::never_read()),
        }
    }

    /// Returns the grant of a request.
    ///
    /// # Errors
    /// Those of [`Access::admit`], and 503 for an unknown token while this process has not read the tokens of its store: a
    /// client with a valid one may not return after 401.
    pub(super) async fn admit(&self, shown: Shown) -> Result<Grant, Failure> {
        let is_token = matches!(shown, Shown::Token(_));
        match self.access.admit(shown).await {
            Err(_) if is_token && self.check_known().is_err() => Err(Failure::never_read()),
            admitted => admitted,
        }
    }

    /// The client's network, as in limits by address.
    pub(super) fn client(&self, request: &Request) -> Option<IpAddr> {
        let clients = &self.waygate.inner.clients;
        let address = clients.client(peer(request.extensions()), request.headers())?;
        Some(client_network(address, IPV6_CUSTOMER))
    }
}
