//! The few pages of the server itself: where links lead that it printed or sent by e-mail.
//!
//! Each is one form of one operation; `form.js` is the same for all. The secret of a link stands behind `#`, so it is in no
//! log of any server. The API browser at `/docs` belongs to the doors, not here.

use moothall_api::Page;

const HTML: &str = "text/html; charset=utf-8";

/// All pages.
pub fn pages() -> Vec<Page> {
    [
        ("/setup", HTML, include_str!("../pages/setup.html")),
        ("/account/verify-email", HTML, include_str!("../pages/verify-email.html")),
        ("/account/revoke-email-change", HTML, include_str!("../pages/revoke-email-change.html")),
        ("/account/reset-password", HTML, include_str!("../pages/reset-password.html")),
        ("/account/form.js", "text/javascript; charset=utf-8", include_str!("../pages/form.js")),
        ("/account/style.css", "text/css; charset=utf-8", include_str!("../pages/style.css")),
    ]
    .map(|(path, media, text)| Page { path, media, body: text.into() })
    .into()
}
