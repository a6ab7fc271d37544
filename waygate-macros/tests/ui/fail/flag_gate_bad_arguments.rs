use waygate::{flag_gate, force_active};

waygate::flags! {
    pub NEW: bool = false;
}

#[flag_gate(route = "GET /a")]
async fn no_flag() {}

#[flag_gate("new", route = "GET /b")]
async fn by_key() {}

#[flag_gate(NEW, otherwise = 500, route = "GET /c")]
async fn another_status() {}

#[flag_gate(NEW, otherwise = "404", route = "GET /d")]
async fn a_text() {}

#[flag_gate(NEW, NEW, route = "GET /e")]
async fn two_flags() {}

#[flag_gate(NEW, route = "GET /f")]
#[flag_gate(NEW)]
async fn twice() {}

#[flag_gate(NEW, route = "GET /g")]
#[force_active]
async fn forced() {}

fn main() {}
