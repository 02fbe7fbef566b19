// SPDX-License-Identifier: Apache-2.0

// A relying party that knows JOSE and the token's documentation, and nothing else of Warder. Reads
// {"token","jwks","audience","issuer"} from standard input; exit status 1: it does not trust the token.
package main

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type request struct {
	Token    string             `json:"token"`
	Keys     jose.JSONWebKeySet `json:"jwks"`
	Audience string             `json:"audience"`
	Issuer   string             `json:"issuer"`
}

type claims struct {
	Nonce   string `json:"eat_nonce"`
	Submods map[string]struct {
		Status string `json:"ear.status"`
	} `json:"submods"`
	Confirmation struct {
		Key jose.JSONWebKey `json:"jwk"`
	} `json:"cnf"`
}

var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.PS384}

func verify(q *request) (map[string]string, error) {
	token, err := jwt.ParseSigned(q.Token, algorithms)
	if err != nil {
		return nil, err
	}
	var registered jwt.Claims
	var c claims
	if err := token.Claims(q.Keys, &registered, &c); err != nil {
		return nil, err
	}
	expected := jwt.Expected{Issuer: q.Issuer, AnyAudience: jwt.Audience{q.Audience}, Time: time.Now()}
	if err := registered.ValidateWithLeeway(expected, time.Minute); err != nil {
		return nil, err
	}
	thumbprint, err := c.Confirmation.Key.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"algorithm":    token.Headers[0].Algorithm,
		"status":       c.Submods["tee"].Status,
		"nonce":        c.Nonce,
		"confirmation": base64.RawURLEncoding.EncodeToString(thumbprint),
	}, nil
}

func main() {
	var q request
	err := json.NewDecoder(os.Stdin).Decode(&q)
	if err == nil {
		var said map[string]string
		if said, err = verify(&q); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(said)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
