use std::net::IpAddr;

use waygate_core::net::{IPV6_CUSTOMER, client_network};

/// The network of a client. `None` represents all clients without a known address.
pub(crate) type Network = Option<IpAddr>;

/// The network of a client: its IPv4 address, or the /64 of its IPv6 address.
pub(crate) fn network_of(address: Option<IpAddr>) -> Network {
    address.map(|address| client_network(address, IPV6_CUSTOMER))
}
