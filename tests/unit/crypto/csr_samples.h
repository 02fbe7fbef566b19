// SPDX-License-Identifier: Apache-2.0
/* Certificate requests made with the openssl command. */

static const char sample_csr_mail[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBETCBuQIBADAPMQ0wCwYDVQQDDARtYWlsMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
    "AQcDQgAECCszns0Qmw9NTBrpaswv7ePrrM3zebH8zcvxwej+LyeAgOgaNWGeTry2\n"
    "JlKNr8Mlifm5TcxGRv+AIzfK+BEJkqBIMEYGCSqGSIb3DQEJDjE5MDcwNQYDVR0R\n"
    "BC4wLIIJYS5leGFtcGxlgQ14QGV4YW1wbGUub3JnhwQKAAABhgpodHRwczovL3gv\n"
    "MAoGCCqGSM49BAMCA0cAMEQCIAP7bqHyYdPo/+yXHYe+5ldC4tCZ9ClxN7b+2heO\n"
    "BOdnAiBJ4L9JrZPp/jGfTdbRC6BpLPsRWRX7oxjV84VzC7Ao3A==\n"
    "-----END CERTIFICATE REQUEST-----\n";
static const char sample_csr_plain[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHYMIGAAgEAMB4xDDAKBgNVBAoMA09yZzEOMAwGA1UEAwwFcGxhaW4wWTATBgcq\n"
    "hkjOPQIBBggqhkjOPQMBBwNCAATQcPNy/6hlLkdvNkMarairBwZB/c70wbuVkEOZ\n"
    "Hxc5dLb/73cc8H/QWQHqyYHpS48hpvvPn9lLU5z/vBfHIQnNoAAwCgYIKoZIzj0E\n"
    "AwIDRwAwRAIgbBvohL9Z8hlUqgLpNflPuAbt1hXGjVyxsqG8e94+R7cCIBTv5Hpl\n"
    "9qAgt8nDGmktogmi97xxKKocd/4f0++hQHVp\n"
    "-----END CERTIFICATE REQUEST-----\n";
static const char sample_csr_challenge[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHjMIGKAgEAMA8xDTALBgNVBAMMBGNoYWwwWTATBgcqhkjOPQIBBggqhkjOPQMB\n"
    "BwNCAATQcPNy/6hlLkdvNkMarairBwZB/c70wbuVkEOZHxc5dLb/73cc8H/QWQHq\n"
    "yYHpS48hpvvPn9lLU5z/vBfHIQnNoBkwFwYJKoZIhvcNAQkHMQoMCHNlY3JldDEy\n"
    "MAoGCCqGSM49BAMCA0gAMEUCICn0LZPlRzA/KHWMy6mssqm6SrEsoH3DUKeAfUIt\n"
    "MYMUAiEAkerBl/1vT+kqZPeg4S9TWCQF0w4uMexW5KphMxZcZoA=\n"
    "-----END CERTIFICATE REQUEST-----\n";
