//! `Debug` for what holds secrets: whatever is written to a log or a panic, they are not in it.

/// Implements `Debug` for structs that hold secrets: `SignIn { login, kind; password, guest_secret }` shows the fields before the
/// semicolon, and `…` for those behind it. Every field must be named, so that none is forgotten.
#[macro_export]
macro_rules! hide {
    ($($name:ident { $($shown:ident),* ; $($hidden:ident),+ })+) => {$(
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let Self { $($shown,)* $($hidden: _),+ } = self;
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($shown), $shown))*
                    $(.field(stringify!($hidden), &format_args!("…")))+
                    .finish()
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::accounts::*;
    use crate::connections::*;
    use crate::lobbies::*;
    use crate::restrictions::*;

    const CANARY: &str = "hunter2";
    const ID: &str = "01900000-0000-7000-8000-000000000000";
    const TIME: &str = "2026-11-23T18:00:00Z";

    /// What is shown of this, with the secret in each of these fields.
    fn shown<T: DeserializeOwned + Debug>(mut input: Value, secrets: &[&str]) -> String {
        for secret in secrets {
            input[*secret] = CANARY.into();
        }
        format!("{:?}", serde_json::from_value::<T>(input).unwrap())
    }

    #[test]
    fn no_secret_is_shown_for_debugging() {
        let user = json!({ "id": ID, "name": "Ana", "is_guest": false, "is_bot": false });
        let signed_in = json!({
            "user": user, "session_id": ID, "kind": "game", "expires_at": TIME, "refresh_expires_at": TIME,
        });
        let key =
            json!({ "id": ID, "user_id": ID, "name": "k", "kind": "host", "scopes": [], "created_at": TIME });
        let mail = json!({ "name": "Ana", "email": "a@example.org" });
        let all = [
            shown::<SignUp>(mail.clone(), &["password", "device_id"]),
            shown::<SignUpGuest>(json!({}), &["device_id"]),
            shown::<SignIn>(json!({ "login": "Ana" }), &["password", "guest_secret", "device_id"]),
            shown::<SignedIn>(signed_in, &["access_token", "refresh_token", "guest_secret"]),
            shown::<Refresh>(json!({}), &["refresh_token"]),
            shown::<UpgradeGuest>(mail.clone(), &["password"]),
            shown::<ChangePassword>(json!({}), &["password", "new_password"]),
            shown::<SignInCode>(json!({ "expires_at": TIME }), &["code"]),
            shown::<SignInWithCode>(json!({}), &["code"]),
            shown::<ClaimAdministrator>(mail, &["token", "password"]),
            shown::<VerifyEmail>(json!({}), &["code"]),
            shown::<ChangeEmail>(json!({ "email": "a@example.org" }), &["password"]),
            shown::<RevokeEmailChange>(json!({}), &["code"]),
            shown::<ResetPassword>(json!({}), &["code", "password"]),
            shown::<Rename>(json!({ "name": "Ana" }), &["password"]),
            shown::<DeleteMe>(json!({}), &["password"]),
            shown::<CreatedKey>(json!({ "id": ID, "key": key }), &["secret"]),
            shown::<Authenticate>(json!({ "seq": 7 }), &["access_token", "api_key", "resume"]),
            shown::<Ticket>(json!({ "expires_at": TIME }), &["ticket"]),
            shown::<OpenLobby>(json!({ "name": "Den", "mode": "free" }), &["password"]),
            shown::<UpdateLobby>(json!({ "lobby_id": ID }), &["password"]),
            shown::<JoinLobby>(json!({ "lobby_id": ID }), &["password"]),
            shown::<JoinLobbyByCode>(json!({}), &["code"]),
            shown::<Restricted>(json!({ "type": "login", "public_reason": "rude" }), &["limited_token"]),
        ];
        for text in all {
            assert!(text.contains('…') && !text.contains(CANARY), "{text}");
        }
        assert!(shown::<SignIn>(json!({ "login": "Ana" }), &["password"]).contains("Ana"));
    }
}
