import{inLatin as i}from"../latin.js";import r from"./sr.js";var m=i(r);export{m as default};
