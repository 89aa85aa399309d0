//! Logging in: greeting, TLS, the password by caching_sha2_password or mysql_native_password, a token as it is. What else
//! a server may ask for is left to the driver, and every refusal too: it has the texts and codes for them.

use mysql_async::Opts;
use mysql_common::constants::CapabilityFlags;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;

use super::wire::{Packet, Wire};
use crate::hosts::mysql::{KEEPALIVE, PACKET_BYTES, tls};

/// How to come to a server.
pub(in crate::hosts::mysql) struct Way {
    pub host: String,
    pub port: u16,
    /// `None`: not encrypted.
    pub tls: Option<tls::Client>,
}

/// utf8mb4_general_ci: what every server has; the session's set-up names the charset anyway.
const COLLATION: u8 = 45;

/// What a session of mig's own speaks.
const WANTED: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH);

/// A server that has greeted, and has not been answered yet.
pub(in crate::hosts::mysql) struct Greeted {
    wire: Wire,
    pub greeting: HandshakePacket<'static>,
}

/// The session's line and the server's number of it.
pub(super) async fn log_in(way: &Way, opts: &Opts) -> Option<(Wire, u32)> {
    let greeted = greet(way).await?;
    let flags = greeted.greeting.capabilities() & WANTED;
    // MariaDB does not name the flag of long passwords, and takes them.
    if !flags.contains(WANTED & !CapabilityFlags::CLIENT_LONG_PASSWORD) {
        return None;
    }
    answer(way, opts, greeted, flags).await
}

/// A new connection, up to the server's first words.
pub(in crate::hosts::mysql) async fn greet(way: &Way) -> Option<Greeted> {
    let stream = super::reach(way).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let alive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&alive).ok()?;
    let mut wire = Wire::new(Box::new(stream));
    let Packet::Of(bytes) = wire.next().await.ok()? else { return None };
    let greeting = ParseBuf(bytes).parse::<HandshakePacket<'_>>(()).ok()?.into_owned();
    Some(Greeted { wire, greeting })
}

/// Logs in with these flags, of those that the server has; TLS is added where the way has it.
pub(super) async fn answer(
    way: &Way,
    opts: &Opts,
    greeted: Greeted,
    mut flags: CapabilityFlags,
) -> Option<(Wire, u32)> {
    let Greeted { mut wire, greeting } = greeted;
    if way.tls.is_some() {
        if !greeting.capabilities().contains(CapabilityFlags::CLIENT_SSL) {
            return None;
        }
        flags |= CapabilityFlags::CLIENT_SSL;
    }
    if let Some(client) = &way.tls {
        let mut request = Vec::new();
        SslRequest::new(flags, PACKET_BYTES as u32, COLLATION).serialize(&mut request);
        wire.send(&request).await.ok()?;
        let (line, sequence) = wire.into_line()?;
        let secured = client.secure(&way.host, line).await.ok()?;
        wire = Wire::new(Box::new(secured)).with_sequence(sequence);
    }
    let mut nonce = greeting.nonce();
    let mut plugin = spoken(greeting.auth_plugin().unwrap_or(AuthPlugin::MysqlNativePassword))
        .unwrap_or(AuthPlugin::MysqlNativePassword);
    let data = plugin.gen_data(opts.pass(), &nonce);
    let response = HandshakeResponse::new(
        data.as_deref(),
        greeting.server_version_parsed().unwrap_or((0, 0, 0)),
        opts.user().map(str::as_bytes),
        None::<&[u8]>,
        Some(plugin.clone()),
        flags,
        None,
        PACKET_BYTES as u32,
    );
    let mut bytes = Vec::new();
    response.serialize(&mut bytes);
    wire.send(&bytes).await.ok()?;
    // Switched to another plugin, and asked for the whole password: each once at most.
    for _ in 0..4 {
        let answer = match wire.next().await.ok()? {
            Packet::Error(_) => return None,
            Packet::Of(bytes) => bytes.to_vec(),
        };
        let reply = match answer.as_slice() {
            [0, ..] => return Some((wire, greeting.connection_id())),
            [0xfe, _, ..] => {
                let switch = ParseBuf(&answer).parse::<AuthSwitchRequest<'_>>(()).ok()?;
                nonce = switch.plugin_data().to_vec();
                match switch.auth_plugin() {
                    AuthPlugin::MysqlClearPassword if opts.enable_cleartext_plugin() && way.tls.is_some() => {
                        as_it_is(opts.pass())
                    }
                    other => {
                        plugin = spoken(other)?;
                        plugin.gen_data(opts.pass(), &nonce).map(|data| data.to_vec()).unwrap_or_default()
                    }
                }
            }
            // The password's hash was known to the server: it goes on.
            [1, 3] => continue,
            // The password itself goes over an encrypted line only.
            [1, 4] if way.tls.is_some() => as_it_is(opts.pass()),
            _ => return None,
        };
        wire.send(&reply).await.ok()?;
    }
    None
}

/// A password for the server to read.
fn as_it_is(password: Option<&str>) -> Vec<u8> {
    let mut bytes = password.unwrap_or_default().as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// A plugin that is spoken here.
fn spoken(plugin: AuthPlugin<'_>) -> Option<AuthPlugin<'static>> {
    match plugin {
        AuthPlugin::CachingSha2Password => Some(AuthPlugin::CachingSha2Password),
        AuthPlugin::MysqlNativePassword => Some(AuthPlugin::MysqlNativePassword),
        _ => None,
    }
}
