// SPDX-License-Identifier: Apache-2.0
/* JWE texts made by python3 jwcrypto, each with its throw-away private key. */
static const struct {
    const char *key, *text, *plain;
} peer_texts[] = {
    { "-----BEGIN PRIVATE KEY-----\n"
          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6xE/jx40hPejuNQa\n"
          "0Uihab/3EXSD+2FGclLk7uTchpqhRANCAASF37SHA16hgck3GgLTE7yu++4NU7T3\n"
          "lheaUR588ZRiszw8iLXImLPXT1d3gm6ELGoKGy7cmNAlNO1IBWjbkOrE\n"
          "-----END PRIVATE KEY-----\n",
      "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0yNTYiLCJrdHkiOi"
          "JFQyIsIngiOiJDRlRnbHpfbVl6Tmpvb1NCR0xYbG5yVFh4dnQ5OFRMWWJpZXdZblFMbFk4IiwieSI6IjZNOF83aXFk"
          "T2VUZ3d2MHdtYXRiMjFfZVYwaVVmb2tXUzZ2MFdGYjFyWWsifX0.mqY06aQIxj8b30Fbuab-JQPco0NEM8qxd9RELY"
          "6dyBdchMyQGLI9PA.FjN0k6GkXvrOYRd-.1ZUkNZgByaLwARtTG_YzKwa7.0Ck-boDZ3wl43M1JYH9-4Q",
      "from a peer: P-256" },
    { "-----BEGIN PRIVATE KEY-----\n"
          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSiDn4RqzHYA1gGK1\n"
          "+XY5aBP/BpJGd96vzv3FWmpPfUKhRANCAAQXz3c6MjLshNG5JyBFBEw7aU4OMW2+\n"
          "0ewnquMwkP9Wo14dPS3f1ZA0hQMvOqY2QkprvNMrmrYTXARMEDxueSg0\n"
          "-----END PRIVATE KEY-----\n",
      "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImFwdSI6IlFXeHBZMlUiLCJhcHYiOiJRbTlpIiwiZW5jIjoiQTI1NkdDTS"
          "IsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImlBU0NacUQ4UzJ6N3BpbGZpaGpiaGJQUFpnMVU1"
          "X1VGVzB4ZUg5VEl5NzAiLCJ5IjoiblB1TUZfUzJMVTM0YXVPMjJVSTZkR3J3RWljQXV6NHZkSnhfaXB1WXNPUSJ9fQ"
          ".PgLz25C81M4lWbjoS_t2qq4NuOkTnv1B-UHLhn-s46rdahL4_-Y8hg.XjiwmB3vt7VoHAcU.FaH6UuFsCqp7En4gi"
          "fd2QYKY.Q77ALoFzqXpNPSKBFDQ96A",
      "from a peer: P-256" },
    { "-----BEGIN PRIVATE KEY-----\n"
          "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDC9q7dY7dSG8wfgWqKC\n"
          "xLKesu+7/JIvOUKLPaCPU5S7vU0nrPr9JQyWgq+pqyKhtmmhZANiAATzZg+sKdg0\n"
          "fO3A9xiviXGRNu2DXksWDjJG0HOcoeoBXkUw+Ki4JlHeOoh/pCGLTl4VHUuzsysr\n"
          "+Vbr7coFyczjM17Eg6EYry4UORer+HyCjJZRMzcWDR0tcL47aKbebgQ=\n"
          "-----END PRIVATE KEY-----\n",
      "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0zODQiLCJrdHkiOi"
          "JFQyIsIngiOiJteGh4SkdDOG9oR21iS205cm1mUkNINVhvTThUdzBrTjhJbWFVaFFPNTBfQi1fUEgxNG5UdmJlLUpC"
          "Z3V2MkNVIiwieSI6InJpekVXTVNQUVI1dkVQOVU1OHRNeU5QQTRSWmFVZm5UTmlnOXhXR21ncWd1NS1tbzNfYnpwcl"
          "NlR3BabzFXaG8ifX0.Yb8P0gsaUJyd4dbdDEbSJ303i7jbbHP8517GBpWuBuZKb5J7P1QdrQ.LRgcPk5KgAlYY3nr."
          "iB5Sn8NXaMrlcu-skByBo3lD.g7CHVvg-XddnBJ0vnp81cg",
      "from a peer: P-384" },
    { "-----BEGIN PRIVATE KEY-----\n"
          "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDK/DEexN9MPLtc\n"
          "ABw2pyPuDhq1M2pEZwqoIy4dRJCcV0yWw5O7uLm2Iwyb216/uSwc3/xDqa1EBzFP\n"
          "yoGcUgq1dNDaDVmixQL7vTx/kxUd+qE0lEmd9GJmSm9KMM07b6qNnNA3xg8ZAp8B\n"
          "gnyecvqDEVjH398BRQK0f9isSdESBEQbLAZcVdL+vnVRiC8hNafUck+fjeNytKKq\n"
          "yWFfBYMYJi5nE32GNCpRuL4dMC+sUDFaS+WNHGoIUOhtZ8MzMT2Q5/k0aa0I6NmG\n"
          "SPLJ86diYBM+2QaWoqU376JVYODs/cyHFVjoN1Pocs8ZnUiZCRCNOXRb7MfuDzu5\n"
          "iXqhllW5AgMBAAECggEAKU59znWgvTpkpDmvhB2qLaD4JWSjnOzdGc8i7LjNtsr7\n"
          "HnkJQLu8Kwjh4XuYQeq0Q+H+y2QlisDt839RtdZqMHfnol/yHDH8Q+9D9vAe7X1Z\n"
          "vcHpYzfeqFNAZ3gb45r7OZsuMhNfcib65YtAwdvDB9YJW48+qdr5zHJxzMmuvnv7\n"
          "80BQ64Wok7/R7vX7GewFabOePDb9E9itRdNMyQtPRAuVl6wzaaGB2/fLO51cMe8g\n"
          "puRWLmLUPUd902yJYTItJS2k+HdC07S+NN8RANS5SjI/pWokwcQxwm7uXhOGH4cD\n"
          "miI7T0GlEC2yATBpc+D+OZemNnV2BwTTkmAZvgAgmwKBgQDp1KoCeF5gMXENuppX\n"
          "AvjaY9TnU17c8JEXfEPIrRExEDtBAvIFt+MoBFjeOYWkWMZxhp7WTjgu9s+4FhdJ\n"
          "8CvNBx2L4Rv+uOxnyPUY0PTa8EryczKydzKjXb5eh8q0cXIFg3ZQaXDNh5H0GQmy\n"
          "80kbBFOej31spmMy/RuOqbFl/wKBgQDeOt7Ne+92E5kZLi5jP6ApSSrq28y4Ty3+\n"
          "SYJel/FW1SOW8IVDcaldpOwGtr9AC7ZPVOPtpj1VZJGIH5orMvaTZmOG65/Z2Syx\n"
          "l0vPm+v+jo7oMdJNVE/zSkVdxjyh/wDbhYoGXWBU9Bysr5U7jsOr48pmJW5qj1dL\n"
          "Sti9+9T0RwKBgQC/dxpqgWNNws4+nqBIRS+9q2cmr5aKtRUpNOBQDp54HUFXn3DL\n"
          "i+Id30lhVZp/kw2S4ddnxY6trf0yUCxrp5RGAuCHrCD/Ny6kYOGIm3kTWRUVZ4yI\n"
          "o5+8M0NxJiGuFQJ3T0ju2Re7w5mYVXQiqqEe1TEfMYFTGP87PhN1gq+2wwKBgA0r\n"
          "mAC9k5d/2dbwMbeYEbngqDZ7CEr0BlnHqX5JqvfmcdGEN6GjntH58DMFqZf2Gbvh\n"
          "4BA5hfEFoMpcdRqSTqK1srhQRoz2nft4Z/nJ19aiRD3mlfwXPxXAFRRVp0pCfp6D\n"
          "74YpCoh+XySs0z9QWrBZM6mSFlUiYZ4ItYes4RYJAoGAQqTeVzREop+jjedspYNw\n"
          "QHkWdYLeFhogzYERucLYyp2zbvdfp4Url8/Wv+BOdCBf15SL2qTqKg1VPxqij+oV\n"
          "v1mWih3T3auIEMqicvlyy1JA71akAmdSzdpKK++e7wGmIXbCFzqZPc6D0KGJpBrS\n"
          "KASwfbLhfFE/AWexjItDP8o=\n"
          "-----END PRIVATE KEY-----\n",
      "eyJhbGciOiAiUlNBLU9BRVAtMjU2IiwgImVuYyI6ICJBMjU2R0NNIn0.XtJDQvlu6DP6kz3wbdy8LE69PHObAHNlR6"
          "07iUdpxbmLZeeCKjKc8x-9x_uc-41uw-BeUpBvJQ8hAVUx0kOmUBiaU-vcqKE2NQXCxLD4X_dB9MgU4-l43nxOP2Fj"
          "GqZXd5-15ia2sv1BSW1IwsoSGz02fN0w8WMkJZUCTugL7-E-piO9okPxf48ewK_hGHJPHroR2zNAT31Gcsj5y_IObS"
          "roIhuEJVWFyL_L3h2elPNZtxbpYVzBRicGQOFPEmwbvcBOJmSCYNqmLieqUYwoGzZmL0ScdMQmdnRXXfhMUGpKSf3F"
          "g6f2CnGXKm0ZmcISy2mpD-I6ekROWclCSds7nA.LWX_vAgelT7rHOMd.XBXrnwbDfmAxMHSqfvQR2w.lDJ2HrV6h9A"
          "UDQccq4HjBw",
      "from a peer: RSA" },
};
