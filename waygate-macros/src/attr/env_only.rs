use std::str::FromStr;

use proc_macro2::TokenStream;
use quote::quote;
use waygate_core::grammar::EnvName;

use crate::args::Args;

pub(super) fn gate(args: &mut Args) -> TokenStream {
    let example = "#[env_only(\"dev\", \"staging\")]";
    let envs = args.list("environment", example, EnvName::from_str);
    quote!(EnvOnly { envs: &[#(#envs),*] })
}
