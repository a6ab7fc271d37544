use proc_macro2::TokenStream;
use quote::quote;
use waygate_core::grammar::parse_network;

use crate::args::Args;

pub(super) fn gate(args: &mut Args) -> TokenStream {
    let example = "#[allowed_ips(\"10.0.0.0/8\", \"2001:db8::/32\")]";
    let networks = args.list("network", example, parse_network);
    quote!(AllowedIps { networks: &[#(#networks),*] })
}
